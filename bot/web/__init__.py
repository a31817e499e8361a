"""What is served over HTTP: the webhook."""
