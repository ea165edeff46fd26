"""What pipelines come to: daily snapshots of deals, waterfalls, measures, forecasts, goals."""
