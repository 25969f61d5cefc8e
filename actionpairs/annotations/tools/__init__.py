"""Exports of annotation tools, and subtitles."""
