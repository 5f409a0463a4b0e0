"""The other side of the wire: client library, reference agent, simulated fleet."""
