"""The bundled text, and the registry of texts that can be downloaded."""
