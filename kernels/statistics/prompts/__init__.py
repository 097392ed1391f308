"""Statistics whose rows are prompts: does KLD go with failure, and whom to ask?"""
