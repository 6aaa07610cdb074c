"""Verify messages that Amazon SNS posts.

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
_MAX_AGE = dt.timedelta(hours=1)  # SNS does not retry for so long: an older message is a replay

_http = urllib3.PoolManager(timeout=5, retries=urllib3.Retry(3, redirect=0))


def get(url: str) -> bytes:
    """Send a GET request to SNS: over HTTPS, to a host of SNS, without redirects.

    Raises:
        ValueError: the URL is not one of SNS.
        OSError: SNS is unavailable.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" or not _SNS.fullmatch(parts.netloc):
        raise ValueError(f"has a URL that is not one of SNS: {url}")
    try:
        response = _http.request("GET", url)
    except urllib3.exceptions.HTTPError as error:
        raise OSError(f"SNS is unavailable: {error}") from error
    if response.status != 200:
        raise OSError(f"SNS returned status {response.status}")
    return response.data


@functools.lru_cache(maxsize=8)
def _public_key(certificate_url: str) -> rsa.RSAPublicKey:
    certificate = x509.load_pem_x509_certificate(get(certificate_url))
    now = dt.datetime.now(dt.UTC)
    key = certificate.public_key()
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc or not isinstance(
        key, rsa.RSAPublicKey
    ):
        raise ValueError("has a certificate that is expired or not RSA")
    return key


def verify(message: dict[str, Any], topic_arn: str) -> None:
    """Verify that SNS sent a message for a topic within the last hour.

    Raises:
        ValueError: the message is not genuine; do not process it.
        OSError: SNS is unavailable, so that the message cannot be verified.
    """
    try:
        if message["TopicArn"] != topic_arn:
            raise ValueError("is from another topic")
        signed = "".join(f"{key}\n{message[key]}\n" for key in _SIGNED[message["Type"]] if key in message)
        _public_key(message["SigningCertURL"]).verify(
            base64.b64decode(message["Signature"], validate=True),
            signed.encode(),
            padding.PKCS1v15(),
            _HASHES[message["SignatureVersion"]](),
        )
        sent = dt.datetime.fromisoformat(message["Timestamp"])
        if abs(dt.datetime.now(dt.UTC) - sent) > _MAX_AGE:
            raise ValueError("is too old")
    except (KeyError, TypeError, AttributeError, InvalidSignature) as error:
        raise ValueError(f"is not from SNS: {error!r}") from error
