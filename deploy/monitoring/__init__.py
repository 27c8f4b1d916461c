"""What watches the server: the rules of its alerts, and the dashboards."""
