"""Values and rules: no I/O, no clock; what every other package stands on."""
