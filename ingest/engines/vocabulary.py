"""One hash for the vocabularies of all engines: equal hash, equal text behind every token id."""

import hashlib


def vocabulary_sha256(texts: list[str]) -> str:
    """SHA-256 over the ids' texts in the order of the ids, hex."""
    digest = hashlib.sha256()
    for text in texts:
        raw = text.encode(errors="surrogatepass")
        digest.update(len(raw).to_bytes(4, "little") + raw)
    return digest.hexdigest()
