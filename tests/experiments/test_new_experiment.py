"""An experiment of any two model versions, without a file of pairs."""

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from django.urls import reverse

from experiments.models import Experiment
from tests.factories.benchmarks_ import make_called_model
from tests.factories.experiments_ import make_eval_set
from tests.factories.results_ import make_lead

pytestmark = pytest.mark.django_db
URL = "/experiments/new"


@pytest.fixture
def lead(client: Client) -> Client:
    client.force_login(make_lead())
    return client


def test_without_two_models_the_page_says_what_to_do_first(lead: Client) -> None:
    assert "Go to the models" in lead.get(URL).content.decode()


def test_two_models_and_a_suite_make_an_experiment_once(lead: Client) -> None:
    old, new, eval_set = make_called_model(name="old"), make_called_model(name="new"), make_eval_set()
    form = {"name": "Prompt 2", "baseline": old.pk, "candidate": new.pk, "eval_set": eval_set.pk, "role": "general"}
    first, second = lead.post(URL, form), lead.post(URL, form)
    experiment = Experiment.objects.get()
    assert [first.headers["Location"], second.headers["Location"]] == [reverse("experiment", args=[experiment.pk])] * 2
    assert experiment.suites.get().role == "general"
    assert "Run both models" in lead.get(first.headers["Location"]).content.decode()


def test_a_model_is_not_compared_with_itself(lead: Client) -> None:
    old, _ = make_called_model(name="old"), make_called_model(name="new")
    refused = lead.post(URL, {"name": "x", "baseline": old.pk, "candidate": old.pk})
    assert refused.status_code == 422
    assert "same version" in refused.content.decode()


def test_a_taken_name_is_refused_with_the_way_out(lead: Client) -> None:
    old, new = make_called_model(name="old"), make_called_model(name="new")
    lead.post(URL, {"name": "x", "baseline": old.pk, "candidate": new.pk})
    refused = lead.post(URL, {"name": "x", "baseline": new.pk, "candidate": old.pk})
    assert refused.status_code == 422
    assert "another name" in refused.content.decode()
    assert Experiment.objects.count() == 1


def test_the_command_does_the_same() -> None:
    make_called_model(name="old"), make_called_model(name="new")
    eval_set = make_eval_set()
    call_command("create_experiment", "x", baseline="old", candidate="new", target=[eval_set.name])
    assert Experiment.objects.get().suites.get().role == "target"
    with pytest.raises(CommandError, match="same version"):
        call_command("create_experiment", "y", baseline="old", candidate="old")
