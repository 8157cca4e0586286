"""Makes pictures and spoils them: scenes, distortions, artifacts and schedules."""
