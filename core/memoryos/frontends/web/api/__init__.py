"""The REST API: the verbs of `Memory` for programs in any language, and their OpenAPI document."""
