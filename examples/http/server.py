#!/usr/bin/env python3
"""A main server that keeps no keyring: its users are in SQLite, what is sensitive of them goes through caas serve.

    POST /users            {"email": ..., "phone": ...}    answers {"id": ...}
    POST /users/ID/email   {"email": ...}                  answers {"valid": ...}: is it this user's?
    POST /users/ID/phone   {}                              answers {"phone": ...}

For Python 3.10 or later. Who may ask is left out: a real server looks at the session of its own user first.
"""
import json
import os
import sqlite3
import uuid
from http.server import BaseHTTPRequestHandler, HTTPServer

from client import Refused, ask  # client.py, beside this file

database = sqlite3.connect(os.environ.get("DATABASE", "users.db"), isolation_level=None)
database.execute("CREATE TABLE IF NOT EXISTS users (id TEXT PRIMARY KEY, email_digest TEXT, phone_sealed TEXT)")


def add_user(email, phone):
    user = str(uuid.uuid4())
    digest = ask("/encrypt", userUUID=user, sensitiveData=email)["encrypted_data"]
    sealed = ask("/seal", userUUID=user, sensitiveData=phone, context="users.phone")["sealed_data"]
    database.execute("INSERT INTO users VALUES (?, ?, ?)", (user, digest, sealed))
    return {"id": user}


def check_email(user, email):
    for (digest,) in database.execute("SELECT email_digest FROM users WHERE id = ?", (user,)):
        return {"valid": ask("/verify", userUUID=user, sensitiveData=email, encryptedData=digest)["valid"]}


def show_phone(user):
    for (sealed,) in database.execute("SELECT phone_sealed FROM users WHERE id = ?", (user,)):
        return {"phone": ask("/open", userUUID=user, sealedData=sealed, context="users.phone")["sensitive_data"]}


def answer_to(path, fields):
    match path.split("/")[1:]:
        case ["users"]:
            return add_user(**fields)
        case ["users", user, "email"]:
            return check_email(user, **fields)
        case ["users", user, "phone"]:
            return show_phone(user)


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        fields = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        try:
            answer = answer_to(self.path, fields)
            status = 200 if answer else 404
        except TypeError:
            status, answer = 400, {"error": "fields"}
        except Refused as refused:
            status, answer = 400 if refused.status == 400 else 502, {"error": refused.code}
        except OSError:
            status, answer = 503, {"error": "no_service"}
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())


if __name__ == "__main__":
    server = HTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8000"))), Handler)
    print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
