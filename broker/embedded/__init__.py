"""Hardened amqtt in this process: the only package that knows amqtt."""
