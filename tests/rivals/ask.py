"""Asks boto3 for role credentials of a profile, as any program that uses it does."""

import sys

import boto3

credentials = boto3.Session(profile_name=sys.argv[1]).get_credentials().get_frozen_credentials()
print(credentials.access_key)
