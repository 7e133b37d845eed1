from django.apps import AppConfig


class PlatformConfig(AppConfig):
    name = "evalsite.platform"
    label = "platform"
    verbose_name = "Platform"
