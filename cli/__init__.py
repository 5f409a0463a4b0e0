"""The console script: composition roots and operator commands."""
