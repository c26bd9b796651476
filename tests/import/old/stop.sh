#!/bin/bash
cd ~/aws-sso-token-refresh
if [ -f refresh-token.pid ]; then
  kill $(cat refresh-token.pid)
  rm refresh-token.pid
  echo "✅ Token refresh service stopped"
else
  echo "  No PID file found. Service may not be running."
fi
