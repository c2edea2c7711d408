"""Telling people: what is said to whom, when and in which words; which channels carry it; who has heard.

::

    the case's changes ─▶ alarms ─▶ plan ─▶ messages ─▶ outbox ─▶ channels ─▶ people ─▶ acknowledgement

An *alarm* is what one person has to answer for: however many incidents come while nobody has, they are one alarm.
:mod:`pollwatch.notify.plan` and :mod:`pollwatch.notify.message` are pure; :mod:`pollwatch.notify.outbox` writes down
what is to be sent, in the step that decides it, before anything is sent.
"""
