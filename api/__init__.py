"""The operators' HTTP door."""
