"""The handlers the agent comes with, one file each; ``agent.handlers.table`` puts them together."""
