#!/bin/sh
# Asks the server with curl. Usage: examples/predict.sh [URL]. Needs curl.
set -eu
url=${1:-http://localhost:3000}

curl --fail-with-body --silent --show-error "$url/attrition/predict" \
    --header 'Content-Type: application/json' \
    --data '{
        "employees": [{
            "satisfaction_level": 0.38, "last_evaluation": 0.53, "number_project": 2,
            "average_monthly_hours": 157, "time_spend_company": 3, "work_accident": 0,
            "promotion_last_5years": 0, "department": "sales", "salary": "low"
        }]
    }'
echo
curl --fail-with-body --silent --show-error "$url/topics/predict" \
    --header 'Content-Type: application/json' \
    --data '{"texts": [{"text": "Graph neural networks for node classification"}]}'
echo
