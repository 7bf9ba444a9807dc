"""The commands: parse, call one function of the package, print."""
