"""An embedded Telegram: the demo's world and the tests' wire."""
