"""A real mail server for the tests: aiosmtpd, with TLS and a password, and Python's own reading of what it takes.

    smtpd.py FOLDER [CERTIFICATE KEY USER PASSWORD]

Prints the port of the loopback it listens on. Each message becomes FOLDER/N.json: the envelope, the headers, the texts and
the attachments as Python's email package reads them. weir's own writer has no part in that.
"""

import asyncio
import base64
import email
import email.policy
import json
import pathlib
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

folder = pathlib.Path(sys.argv[1])
taken = 0


def text(message, kind):
    part = message.get_body(preferencelist=(kind,))
    return None if part is None else part.get_content()


def attachment(part):
    return {
        "name": part.get_filename(),
        "type": part.get_content_type(),
        "base64": base64.b64encode(part.get_payload(decode=True)).decode(),
    }


class Handler:
    async def handle_DATA(self, server, session, envelope):
        global taken
        taken += 1
        message = email.message_from_bytes(envelope.original_content, policy=email.policy.default)
        said = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "encrypted": session.ssl is not None,
            "user": session.auth_data.login.decode() if session.auth_data else None,
            "headers": {name: str(value) for name, value in message.items()},
            "plain": text(message, "plain"),
            "html": text(message, "html"),
            "attachments": [attachment(part) for part in message.iter_attachments()],
            "defects": [str(defect) for part in message.walk() for defect in part.defects],
        }
        path = folder / f"{taken}.json"
        path.with_suffix(".new").write_text(json.dumps(said))
        path.with_suffix(".new").rename(path)
        return f"250 2.0.0 Ok: taken as {taken}"


def authenticate(server, session, envelope, mechanism, data):
    is_right = (data.login, data.password) == (sys.argv[4].encode(), sys.argv[5].encode())
    return AuthResult(success=is_right, auth_data=data)


def conversation():
    if len(sys.argv) < 6:
        return SMTP(Handler(), hostname="mx.example.org")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    return SMTP(
        Handler(),
        hostname="mx.example.org",
        tls_context=context,
        require_starttls=True,
        auth_required=True,
        authenticator=authenticate,
    )


async def main():
    server = await asyncio.get_running_loop().create_server(conversation, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
