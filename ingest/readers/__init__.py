"""One module per file format that other tools leave behind; each turns a path into port.Samples,
Summary or rows.

A reader module has
    KIND                             its name on the command line: qwh ingest KIND PATH
    recognises(path, head) -> bool   whether a path looks like this format; head: the first 64 KiB,
                                     b"" for a folder
    read(path, picks) -> Iterator    what it holds; picks: the user's choices where a file offers
                                     several
Readers touch nothing but the path they are given, run nothing that they read, and raise BadFile
where it is damaged.
"""
