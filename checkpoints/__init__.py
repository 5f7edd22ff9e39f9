"""The models that come with chargen. Your own runs land in a folder of this name wherever you train."""
