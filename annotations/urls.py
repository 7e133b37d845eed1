"""Reviewers' pages. Addresses hold a campaign's or an assignment's random name and nothing else."""

from django.urls import path

from annotations.views import (
    flagging,
    going_back,
    heartbeats,
    my_campaigns,
    reading_guidelines,
    skipping,
    submitting,
    turns,
)

urlpatterns = [
    path("review/", my_campaigns.review, name="review"),
    path("review/<uuid:campaign>/", turns.judge, name="judge"),
    path("review/<uuid:campaign>/submit", submitting.submit_judgment, name="submit_judgment"),
    path("review/<uuid:campaign>/skip", skipping.skip_pair, name="skip_pair"),
    path("review/<uuid:campaign>/flag", flagging.flag_pair, name="flag_pair"),
    path("review/<uuid:campaign>/heartbeat", heartbeats.heartbeat, name="heartbeat"),
    path("review/<uuid:campaign>/guidelines", reading_guidelines.read_guidelines, name="read_guidelines"),
    path("review/<uuid:campaign>/recent", going_back.recent_pairs, name="recent_pairs"),
    path("review/<uuid:campaign>/back", going_back.back, name="back"),
    path("review/pairs/<uuid:assignment>/", going_back.pair, name="pair"),
]
