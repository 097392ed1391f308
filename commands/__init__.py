"""The command line, one file per family of commands: parse, call one function below, print."""
