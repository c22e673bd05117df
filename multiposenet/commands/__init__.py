"""The verbs of the command line, one module each: its docstring is the verb's help, with
`add_arguments(parser)` and `run(args) -> exit status`. What is heavy is imported inside `run`."""
