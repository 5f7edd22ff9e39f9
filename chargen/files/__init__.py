"""Files on disk: atomic durable writes, locks, and the safetensors container."""
