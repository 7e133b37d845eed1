from django.apps import AppConfig


class ExperimentsConfig(AppConfig):
    verbose_name = "Experiments"
    name = "experiments"
