"""What tests of jobs say about their configurations, the same for all of them."""

RATE = {
    "maximumPerMinute": 500,
    "exponentialRate": {
        "baseRatePerMinute": 50,
        "incrementFactor": 2.5,
        "rateIncreaseCriteria": {"numberOfNotifiedThings": 1000},
    },
}
RULE = {
    "failureType": "FAILED",
    "action": "CANCEL",
    "thresholdPercentage": 20.5,
    "minNumberOfExecutedThings": 5,
}
CONFIGS = {
    "presignedUrlConfig": {"roleArn": "arn:aws:iam::123456789012:role/links", "expiresInSec": 600},
    "jobExecutionsRolloutConfig": RATE,
    "abortConfig": {"criteriaList": [RULE]},
    "timeoutConfig": {"inProgressTimeoutInMinutes": 30},
    "jobExecutionsRetryConfig": {"criteriaList": [{"failureType": "ALL", "numberOfRetries": 3}]},
}
