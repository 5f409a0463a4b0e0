"""The store: all SQL; every use case is one plain function, one transaction."""
