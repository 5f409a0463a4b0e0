"""The AWS dialects over HTTP: two planes as tables of operations on the verbs of the store."""
