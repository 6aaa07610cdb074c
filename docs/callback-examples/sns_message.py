"""Messages that Amazon SNS posts: whether one is genuine.

https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

import base64
import datetime as dt
import functools
import re
from typing import Any
from urllib.parse import urlsplit

import urllib3
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

_SNS = re.compile(r"sns\.[a-z0-9-]+\.amazonaws\.com(\.cn)?")
_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": _CONFIRMATION,
    "UnsubscribeConfirmation": _CONFIRMATION,
}
_HASHES = {"1": hashes.SHA1, "2": hashes.SHA256}
_LONGEST_WAY = dt.timedelta(hours=1)  # what is older was recorded and sent again; SNS gives up before

_http = urllib3.PoolManager(timeout=5, retries=urllib3.Retry(3, redirect=0))


def get(url: str) -> bytes:
    """Get something from SNS itself: over HTTPS, from its host, without a redirect.

    Raises:
        ValueError: it is an address of somebody else.
        OSError: SNS does not answer now.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" or not _SNS.fullmatch(parts.netloc):
        raise ValueError(f"is not an address of SNS: {url}")
    try:
        reply = _http.request("GET", url)
    except urllib3.exceptions.HTTPError as error:
        raise OSError(f"SNS does not answer: {error}") from error
    if reply.status != 200:
        raise OSError(f"SNS answered {reply.status}")
    return reply.data


@functools.lru_cache(maxsize=8)
def _public_key(certificate_url: str) -> rsa.RSAPublicKey:
    certificate = x509.load_pem_x509_certificate(get(certificate_url))
    now = dt.datetime.now(dt.UTC)
    key = certificate.public_key()
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc or not isinstance(
        key, rsa.RSAPublicKey
    ):
        raise ValueError("the certificate is not valid")
    return key


def verify(message: dict[str, Any], topic_arn: str) -> None:
    """Check that SNS has sent a message for a topic, and has sent it now.

    Raises:
        ValueError: it has not; act on nothing that the message says.
        OSError: SNS does not answer now, so that it cannot be known.
    """
    try:
        if message["TopicArn"] != topic_arn:
            raise ValueError("is of another topic")
        signed = "".join(f"{key}\n{message[key]}\n" for key in _SIGNED[message["Type"]] if key in message)
        _public_key(message["SigningCertURL"]).verify(
            base64.b64decode(message["Signature"], validate=True),
            signed.encode(),
            padding.PKCS1v15(),
            _HASHES[message["SignatureVersion"]](),
        )
        sent = dt.datetime.fromisoformat(message["Timestamp"])
        if abs(dt.datetime.now(dt.UTC) - sent) > _LONGEST_WAY:
            raise ValueError("is too old")
    except (KeyError, TypeError, AttributeError, InvalidSignature) as error:
        raise ValueError(f"is not of SNS: {error!r}") from error
