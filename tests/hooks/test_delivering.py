"""Each decision is told to each hook once, signed, and tried again until it is taken or given up."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import orjson
import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from evalsite.platform.models import AuditEntry, User
from experiments.models import DecisionHook, Endpoint, Experiment, HookDelivery
from experiments.services import endpoints, keys
from experiments.services.hooks import delivering, keeping, message
from experiments.services.hooks.keeping import HookRefused
from tests.factories.evidence_ import make_decided_experiment, make_decision
from tests.factories.platform_ import NOW, make_user
from tests.factories.results_ import make_lead
from tests.hooks.receiver import Receiver

pytestmark = pytest.mark.django_db
SECRET = "sixteen-letters-or-more"
Status = HookDelivery.Status


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    settings.ENDPOINT_ALLOWED_HOSTS = ["127.0.0.1"]
    with Receiver() as running:
        yield running
        endpoints.client().close()


def make_hook(*, url: str, **fields: Any) -> DecisionHook:
    values = {"token": uuid4(), "name": "the pipeline", "created_by": None, "now": NOW, **fields}
    return keeping.create(url=url, **values)


def only_delivery() -> HookDelivery:
    return HookDelivery.objects.select_related("decision", "hook").get()


def test_a_decision_is_told_signed_and_once(receiver: Receiver) -> None:
    make_hook(url=receiver.url, secret=SECRET)
    decision = make_decision()
    [due] = delivering.due(now=NOW)
    assert delivering.deliver(due, now=NOW)
    [(headers, body)] = receiver.sent
    told = orjson.loads(body)
    assert (told["event"], told["decision"]["verdict"]) == ("decision.signed", "GO")
    assert told["decision"]["evidence_sha256"] == decision.evidence_sha256
    second = int(headers["x-evalsite-timestamp"])
    assert headers["x-evalsite-signature"] == f"sha256={message.signature(SECRET, body, second=second)}"
    assert headers["x-evalsite-signature"] != f"sha256={message.signature(SECRET, body, second=second + 1)}"
    assert only_delivery().status == Status.DELIVERED
    assert not delivering.deliver(due, now=NOW)
    assert delivering.due(now=NOW + timedelta(days=1)) == []
    assert len(receiver.sent) == 1


def test_a_refusal_is_tried_again_with_growing_pauses_and_the_same_words(receiver: Receiver) -> None:
    make_hook(url=receiver.url)
    make_decision()
    receiver.status, now, waited = 503, NOW, []
    for _ in range(delivering.MOST_TRIES):
        [due] = delivering.due(now=now)
        assert not delivering.deliver(due, now=now)
        assert delivering.due(now=now) == []
        waited.append(only_delivery().next_at - now)
        now = only_delivery().next_at
    found = only_delivery()
    assert (found.status, found.answer) == (Status.FAILED, "answered 503")
    assert waited[:3] == [timedelta(seconds=10), timedelta(seconds=20), timedelta(seconds=40)]
    assert len({body for _, body in receiver.sent}) == 1
    assert len({headers["x-evalsite-delivery"] for headers, _ in receiver.sent}) == 1


def test_what_is_renamed_between_two_tries_changes_no_byte(receiver: Receiver) -> None:
    make_hook(url=receiver.url)
    decision = make_decision()
    receiver.status = 503
    delivering.deliver(only_delivery().pk, now=NOW)
    Experiment.objects.filter(pk=decision.experiment_id).update(name="another name")
    User.objects.filter(pk=decision.signed_by_id).update(username="married")
    receiver.status = 200
    assert delivering.deliver(only_delivery().pk, now=only_delivery().next_at)
    first, second = (body for _, body in receiver.sent)
    assert first == second
    told = orjson.loads(second)
    assert told["decision"]["signed_at"] == decision.signed_at.isoformat()
    assert told["decision"]["policy_sha256"] == decision.policy.sha256


def test_what_was_given_up_is_tried_again_when_somebody_asks(receiver: Receiver) -> None:
    make_hook(url=receiver.url)
    make_decision()
    receiver.status = 410
    delivering.deliver(only_delivery().pk, now=NOW)
    assert only_delivery().status == Status.FAILED
    receiver.status = 200
    assert delivering.again(delivery=only_delivery(), actor=None, now=NOW)
    assert delivering.deliver(only_delivery().pk, now=NOW)
    assert not delivering.again(delivery=only_delivery(), actor=None, now=NOW)


def test_a_worker_that_dies_within_a_try_leaves_it_to_the_next_one(receiver: Receiver) -> None:
    make_hook(url=receiver.url)
    make_decision()
    assert delivering.taken(only_delivery().pk, now=NOW) is not None
    assert delivering.taken(only_delivery().pk, now=NOW) is None
    assert delivering.deliver(only_delivery().pk, now=NOW + delivering.LEASE)


def test_an_address_that_may_not_be_called_is_never_reached(receiver: Receiver, settings: Settings) -> None:
    make_hook(url=receiver.url)
    make_decision()
    settings.ENDPOINT_ALLOWED_HOSTS = []
    assert not delivering.deliver(only_delivery().pk, now=NOW)
    assert receiver.sent == []
    with pytest.raises(HookRefused) as refusal:
        make_hook(url="http://169.254.169.254/latest")
    assert refusal.value.field == "url"


def test_hooks_hear_of_their_experiment_alone_and_removed_ones_of_none(receiver: Receiver) -> None:
    experiment = make_decided_experiment()
    make_hook(url=receiver.url, name="another's", experiment=make_decided_experiment())
    mine = make_hook(url=receiver.url, name="mine", experiment=experiment)
    keeping.remove(hook=make_hook(url=receiver.url, name="removed"), actor=None, now=NOW)
    make_decision(experiment=experiment)
    assert only_delivery().hook == mine
    keeping.remove(hook=mine, actor=None, now=NOW)
    assert only_delivery().status == Status.FAILED
    assert not delivering.again(delivery=only_delivery(), actor=None, now=NOW)


def test_the_secret_is_stored_encrypted_and_bound_to_its_origin(receiver: Receiver) -> None:
    hook = make_hook(url=receiver.url, secret=SECRET)
    assert SECRET not in hook.secret_ciphertext
    assert delivering.secret_of(hook) == SECRET
    hook.url = "http://127.0.0.1:9/told"
    with pytest.raises(delivering.SecretGone):
        delivering.secret_of(hook)
    assert keys.rotate(actor=None, now=NOW).rotated == 1 + Endpoint.objects.exclude(key_ciphertext="").count()
    with pytest.raises(HookRefused, match="at least 16"):
        make_hook(url=receiver.url, secret="short")


def test_the_pages_make_show_and_remove_a_hook(client: Client, receiver: Receiver) -> None:
    lead = make_lead()
    client.force_login(lead)
    form = {"token": str(uuid4()), "name": "ship it", "url": receiver.url, "experiment": "", "secret": SECRET}
    for _ in range(2):
        assert client.post(reverse("new_hook"), form).status_code == 302
    hook = DecisionHook.objects.get()
    make_decision()
    page = client.get(reverse("hooks")).content.decode()
    assert "ship it" in page
    assert "not tried yet" in page
    assert SECRET not in page
    assert client.post(reverse("remove_hook", args=[hook.pk])).status_code == 302
    assert client.post(reverse("remove_hook", args=[hook.pk])).status_code == 404
    assert "removed" in client.get(reverse("hooks")).content.decode()
    assert AuditEntry.objects.filter(action__startswith="hook.").count() == 2


def test_a_form_with_a_forbidden_address_comes_back_with_the_reason(client: Client) -> None:
    client.force_login(make_user(roles=["admin"]))
    form = {"token": str(uuid4()), "name": "x", "url": "http://10.0.0.1/", "experiment": "", "secret": ""}
    answer = client.post(reverse("new_hook"), form)
    assert answer.status_code == 422
    assert DecisionHook.objects.count() == 0
