"""What system tests are made of: a broker process, packets, raw MQTT and WebSocket clients."""
