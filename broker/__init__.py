"""The devices' MQTT door and the clock."""
