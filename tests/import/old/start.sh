#!/bin/bash
cd ~/aws-sso-token-refresh
nohup node refresh-token.js > refresh-token.log 2>&1 &
echo $! > refresh-token.pid
echo "✅ Token refresh service started (PID: $(cat refresh-token.pid))"
echo " Logs: ~/aws-sso-token-refresh/refresh-token.log"
