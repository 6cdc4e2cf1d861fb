#!/usr/bin/env python3
"""A client of caas serve in Python 3, without packages.

CAAS_URL (https://...) and CAAS_API_KEY come from the environment. The server's certificate is verified against the
authorities of the system; SSL_CERT_FILE names others.
"""
import json
import os
import urllib.error
import urllib.request

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # the key is shown to no proxy


class Refused(Exception):
    """What the service did not do: the HTTP status, and the code that programs look at."""

    def __init__(self, status, code, message):
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code = status, code


def ask(path, **fields):
    """Sends one request, for instance ask("/encrypt", userUUID=..., sensitiveData=...), and returns its answer."""
    request = urllib.request.Request(
        os.environ["CAAS_URL"] + path,
        json.dumps(fields).encode(),
        {"Content-Type": "application/json", "Authorization": "Bearer " + os.environ["CAAS_API_KEY"]},
    )
    try:
        with OPENER.open(request, timeout=10) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise Refused(error.code, **json.load(error)["error"]) from None


def main():
    user = "4dbcbcfe-4800-40a8-badf-c26b73af230c"
    digest = ask("/encrypt", userUUID=user, sensitiveData="ada@example.com")["encrypted_data"]
    print("digest:", digest)
    print("verified:", ask("/verify", userUUID=user, sensitiveData="ada@example.com", encryptedData=digest)["valid"])

    sealed = ask("/seal", userUUID=user, sensitiveData="+90 555 000 00 00", context="users.phone")["sealed_data"]
    print("opened:", ask("/open", userUUID=user, sealedData=sealed, context="users.phone")["sensitive_data"])
    try:
        ask("/open", userUUID=user, sealedData=sealed, context="users.fax")
    except Refused as refused:
        print("refused:", refused.code)


if __name__ == "__main__":
    main()
