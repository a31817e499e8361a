"""mesobot: the assistant that a small aesthetic clinic puts into Telegram."""
