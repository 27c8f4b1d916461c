"""Asks the server with `requests`.

Usage: .venv/bin/python examples/with_requests.py [URL]. Needs requests.
"""

import sys

import requests

URL = sys.argv[1] if len(sys.argv) > 1 else "http://localhost:3000"
EMPLOYEE = {
    "satisfaction_level": 0.38,
    "last_evaluation": 0.53,
    "number_project": 2,
    "average_monthly_hours": 157,
    "time_spend_company": 3,
    "work_accident": 0,
    "promotion_last_5years": 0,
    "department": "sales",
    "salary": "low",
}

with requests.Session() as session:  # one connection for all requests
    response = session.post(f"{URL}/attrition/explain", json={"employees": [EMPLOYEE]}, timeout=10)
    response.raise_for_status()
    (explanation,) = response.json()
    print(f"{response.headers['X-Model-Tag']}: leaves with {explanation['probability']:.2f}")
    for item in explanation["contributions"][:3]:
        print(f"  {item['feature']} = {item['value']}: {item['contribution']:+.2f}")

    # A refused request says where it is wrong and what is allowed.
    refused = session.post(
        f"{URL}/attrition/predict",
        json={"employees": [{**EMPLOYEE, "salary": "huge"}]},
        timeout=10,
    )
    print(refused.status_code, refused.json()["error"])
