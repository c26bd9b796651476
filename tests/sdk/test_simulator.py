"""What the official SDK finds in the simulator is what AWS's own service models say.

Every operation and every error of the models is called for by name: a new one in a new botocore fails here.
`CreateTokenWithIAM` is out of scope: it is signed, for applications in the cloud, and no command-line tool calls it.
"""

import base64
import datetime
import hashlib
import html
import json
import re
import subprocess
import sys
import urllib.parse

import botocore.session
import pytest
from botocore.exceptions import ClientError
from identity_center import ACCOUNT, PROFILE, SCOPE, START_URL, configure, ending_in, time_left

REDIRECT_URI = "http://127.0.0.1:43210/oauth/callback"
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
OUT_OF_SCOPE = {"CreateTokenWithIAM"}
# The model has it, and says that it isn't implemented.
NEVER_GIVEN = {"idToken"}
MODELS = {name: botocore.session.get_session().get_service_model(name) for name in ("sso-oidc", "sso")}
OPERATIONS = [
    (service, name) for service, model in MODELS.items() for name in model.operation_names if name not in OUT_OF_SCOPE
]


def registration(client, **more):
    registered = client("sso-oidc").register_client(clientName="test", clientType="public", **more)
    return {name: registered[name] for name in ("clientId", "clientSecret")}


def register_client(client, _simulator):
    return client("sso-oidc").register_client(clientName="test", clientType="public", scopes=[SCOPE])


def start_device_authorization(client, _simulator):
    return client("sso-oidc").start_device_authorization(**registration(client), startUrl=START_URL)


def create_token(client, simulator):
    return client("sso-oidc").create_token(**refresh(simulator.sign_in()))


def get_role_credentials(client, simulator):
    token = simulator.sign_in()["accessToken"]
    return client("sso").get_role_credentials(**ACCOUNT, accessToken=token)


def list_accounts(client, simulator):
    return client("sso").list_accounts(accessToken=simulator.sign_in()["accessToken"], maxResults=1)


def list_account_roles(client, simulator):
    token = simulator.sign_in()["accessToken"]
    return client("sso").list_account_roles(accountId=ACCOUNT["accountId"], accessToken=token, maxResults=1)


def logout(client, simulator):
    return client("sso").logout(accessToken=simulator.sign_in()["accessToken"])


CALLS = {
    "RegisterClient": register_client,
    "StartDeviceAuthorization": start_device_authorization,
    "CreateToken": create_token,
    "GetRoleCredentials": get_role_credentials,
    "ListAccounts": list_accounts,
    "ListAccountRoles": list_account_roles,
    "Logout": logout,
}


def refresh(token):
    return {
        "grantType": "refresh_token",
        "clientId": token["clientId"],
        "clientSecret": token["clientSecret"],
        "refreshToken": token["refreshToken"],
    }


def check(shape, value, path):
    """The value is of the shape, with all its members and no other."""
    kinds = {"string": str, "integer": int, "long": int, "list": list, "structure": dict}
    assert type(value) is kinds[shape.type_name], path
    if shape.type_name == "structure":
        assert set(value) == set(shape.members) - NEVER_GIVEN, path
        for name, member in value.items():
            check(shape.members[name], member, f"{path}.{name}")
    if shape.type_name == "list":
        assert value, path
        for member in value:
            check(shape.member, member, f"{path}[]")


@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
def test_every_operation_answers_as_modelled(service, operation, client, simulator):
    assert operation in CALLS, f"{operation} is new in botocore: simulate it"
    bodies = []
    event = f"before-parse.{service}.{operation}"
    client(service).meta.events.register(event, lambda response_dict, **_: bodies.append(response_dict["body"]))
    parsed = CALLS[operation](client, simulator)
    shape = MODELS[service].operation_model(operation).output_shape
    metadata = parsed.pop("ResponseMetadata")
    assert metadata["HTTPStatusCode"] == 200 and metadata["RequestId"]
    if shape is None:
        assert bodies == [b""] and not parsed
        return
    check(shape, parsed, operation)
    # botocore drops what it doesn't know, so the body itself is looked at too.
    (body,) = bodies
    check(shape, json.loads(body), operation)


ERRORS = [
    (service, operation, error.name)
    for service, operation in OPERATIONS
    for error in MODELS[service].operation_model(operation).error_shapes
    # Only CreateTokenWithIAM has this one; it has a class all the same.
] + [("sso-oidc", "CreateToken", "InvalidRequestRegionException")]


@pytest.mark.parametrize("service", MODELS)
def test_every_error_of_the_models_is_among_those_tried(service):
    tried = {error for of, _, error in ERRORS if of == service}
    assert tried == {shape.name for shape in MODELS[service].error_shapes}


@pytest.mark.parametrize(("service", "operation", "error"), ERRORS)
def test_every_error_is_raised_as_its_own_class(service, operation, error, client, simulator):
    simulator.faults(f"{operation}:{error}:times=1")
    with pytest.raises(getattr(client(service).exceptions, error)) as raised:
        CALLS[operation](client, simulator)
    answer = raised.value.response
    shape = MODELS[service].shape_for(error)
    assert answer["Error"]["Code"] == error
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == shape.metadata["error"]["httpStatusCode"]
    assert answer["ResponseMetadata"]["RequestId"]
    for name in ("error", "error_description") if service == "sso-oidc" else ("message",):
        assert name in shape.members and type(answer[name]) is str


def test_an_error_that_no_model_has(client, simulator):
    token = simulator.sign_in()["accessToken"]
    with pytest.raises(ClientError) as raised:
        client("sso").get_role_credentials(accountId="000000000000", roleName="Nobody", accessToken=token)
    assert raised.value.response["Error"] == {"Code": "ForbiddenException", "Message": "No access"}
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_errors_without_a_fault(client, simulator):
    oidc, sso = client("sso-oidc"), client("sso")
    token = simulator.sign_in()
    with pytest.raises(oidc.exceptions.InvalidClientException):
        oidc.create_token(**refresh(token) | {"clientSecret": "wrong"})
    with pytest.raises(oidc.exceptions.UnsupportedGrantTypeException):
        oidc.create_token(**refresh(token) | {"grantType": "password"})
    sso.logout(accessToken=token["accessToken"])
    with pytest.raises(oidc.exceptions.InvalidGrantException):
        oidc.create_token(**refresh(token))
    with pytest.raises(sso.exceptions.UnauthorizedException):
        sso.list_accounts(accessToken=token["accessToken"])


def test_paginators_see_every_page(client, simulator):
    token = simulator.sign_in()["accessToken"]
    paging = {"PageSize": 1}
    pages = list(client("sso").get_paginator("list_accounts").paginate(accessToken=token, PaginationConfig=paging))
    assert [len(page["accountList"]) for page in pages] == [1, 1]
    assert pages[0]["accountList"][0]["accountId"] == ACCOUNT["accountId"]
    roles = client("sso").get_paginator("list_account_roles").paginate(
        accessToken=token, accountId=ACCOUNT["accountId"], PaginationConfig=paging
    )
    assert [role["roleName"] for role in roles.search("roleList[]")] == ["Developer", "ReadOnly"]


def test_a_sign_in_through_the_browser(client, simulator):
    verifier = "v" * 64
    digest = hashlib.sha256(verifier.encode()).digest()
    registered = client("sso-oidc").register_client(
        clientName="test",
        clientType="public",
        grantTypes=["authorization_code", "refresh_token"],
        redirectUris=["http://127.0.0.1/oauth/callback"],
        issuerUrl=START_URL,
        scopes=[SCOPE],
    )
    status, headers, page = simulator.request(
        registered["authorizationEndpoint"],
        response_type="code",
        client_id=registered["clientId"],
        redirect_uri=REDIRECT_URI,
        state="a state",
        code_challenge_method="S256",
        scopes=SCOPE,
        code_challenge=base64.urlsafe_b64encode(digest).decode().rstrip("="),
    )
    assert status == 200 and "default-src 'none'" in headers["content-security-policy"]
    question = html.unescape(re.search('name="request" value="([^"]+)"', page)[1])
    form = urllib.parse.urlencode({"request": question, "decision": "approve"})
    status, headers, _ = simulator.request("/authorize", form)
    callback = urllib.parse.urlsplit(headers["location"])
    answer = dict(urllib.parse.parse_qsl(callback.query))
    assert status == 303 and headers["location"].startswith(REDIRECT_URI + "?") and answer["state"] == "a state"
    exchange = {
        "grantType": "authorization_code",
        "clientId": registered["clientId"],
        "clientSecret": registered["clientSecret"],
        "code": answer["code"],
        "codeVerifier": verifier,
        "redirectUri": REDIRECT_URI,
    }
    token = client("sso-oidc").create_token(**exchange)
    assert token["tokenType"] == "Bearer" and token["refreshToken"]
    assert client("sso").list_accounts(accessToken=token["accessToken"])["accountList"]
    with pytest.raises(client("sso-oidc").exceptions.InvalidGrantException):
        client("sso-oidc").create_token(**exchange)


@pytest.mark.parametrize("decision", ["approve", "deny"])
def test_a_sign_in_with_a_device_code(decision, client, simulator):
    oidc = client("sso-oidc")
    registered = registration(client, scopes=[SCOPE])
    device = oidc.start_device_authorization(**registered, startUrl=START_URL)
    poll = {**registered, "grantType": DEVICE_CODE, "deviceCode": device["deviceCode"]}
    with pytest.raises(oidc.exceptions.AuthorizationPendingException):
        oidc.create_token(**poll)
    status, _, page = simulator.request(device["verificationUriComplete"])
    assert status == 200 and device["userCode"] in page
    form = urllib.parse.urlencode({"user_code": device["userCode"], "decision": decision})
    assert simulator.request("/device", form)[0] == 200
    if decision == "approve":
        assert oidc.create_token(**poll)["refreshToken"]
    else:
        with pytest.raises(oidc.exceptions.AccessDeniedException):
            oidc.create_token(**poll)


@pytest.fixture
def token_file(simulator, tmp_path):
    """A home with a profile and the token of its session, in the file that every SDK reads."""
    path = configure(tmp_path)
    path.write_text(json.dumps(simulator.sign_in()))
    return path


def expire(path, minutes):
    """Leaves the token so many minutes."""
    token = ending_in(json.loads(path.read_text()), minutes=minutes)
    path.write_text(json.dumps(token))
    return token


CALLER_IDENTITY = """
import boto3, json, sys
try:
    answer = boto3.Session(profile_name=sys.argv[1]).client("sts").get_caller_identity()
except Exception as error:
    answer = {"error": type(error).__name__}
print(json.dumps(answer))
"""


def caller_identity():
    """In a process of its own: botocore looks at HOME once, when it is imported."""
    command = [sys.executable, "-c", CALLER_IDENTITY, PROFILE]
    return json.loads(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout)


@pytest.mark.parametrize(("minutes", "refreshed"), [(50, False), (10, True), (-10, True)])
def test_botocore_refreshes_through_the_simulator(minutes, refreshed, simulator, token_file):
    old = expire(token_file, minutes)
    before = len(simulator.calls())
    identity = caller_identity()
    assert identity["Account"] == ACCOUNT["accountId"]
    assert identity["Arn"].startswith(f"arn:aws:sts::{ACCOUNT['accountId']}:assumed-role/AWSReservedSSO_Developer")
    calls = [(call["operation"], call["status"]) for call in simulator.calls()[before:]]
    expected = [("GetRoleCredentials", 200), ("GetCallerIdentity", 200)]
    assert calls == ([("CreateToken", 200)] if refreshed else []) + expected
    new = json.loads(token_file.read_text())
    assert (new != old) == refreshed
    if refreshed:
        assert new["accessToken"] != old["accessToken"] and new["refreshToken"] != old["refreshToken"]
        assert datetime.timedelta(minutes=59) < time_left(new) <= datetime.timedelta(minutes=60)


def test_botocore_says_that_the_session_is_over(simulator, token_file):
    simulator.end_session()
    expire(token_file, 50)
    assert caller_identity() == {"error": "UnauthorizedSSOTokenError"}
    expire(token_file, -10)
    assert caller_identity() == {"error": "TokenRetrievalError"}
    grants = [call for call in simulator.calls() if call["operation"] == "CreateToken"]
    assert (grants[-1]["status"], grants[-1]["error"]) == (400, "InvalidGrantException")
    assert (grants[-1]["grantType"], grants[-1]["startUrl"]) == ("refresh_token", START_URL)
