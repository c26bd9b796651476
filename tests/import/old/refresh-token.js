require("dotenv").config();
const axios = require("axios");
const fs = require("fs");
const path = require("path");

const TOKEN_FILE = path.join(__dirname, "token.json");
const API_ENDPOINT = `https://oidc.${process.env.AWS_SSO_REGION}.amazonaws.com/token`;

// Load existing tokens or initialize
function loadTokens() {
  try {
    if (fs.existsSync(TOKEN_FILE)) {
      return JSON.parse(fs.readFileSync(TOKEN_FILE, "utf8"));
    }
  } catch (error) {
    console.error("Error loading tokens:", error.message);
  }
  return null;
}

// Save tokens to file
function saveTokens(tokens) {
  try {
    fs.writeFileSync(TOKEN_FILE, JSON.stringify(tokens, null, 2));
    console.log("Tokens saved successfully");
  } catch (error) {
    console.error("Error saving tokens:", error.message);
  }
}

// Refresh access token
async function refreshToken() {
  const currentTokens = loadTokens();

  if (!currentTokens || !currentTokens.refreshToken) {
    console.error("No refresh token available. Please authenticate first.");
    return false;
  }

  try {
    const response = await axios.post(
      API_ENDPOINT,
      {
        grantType: "refresh_token",
        clientId: process.env.AWS_SSO_CLIENT_ID,
        clientSecret: process.env.AWS_SSO_CLIENT_SECRET,
        refreshToken: currentTokens.refreshToken,
      },
      {
        headers: { "Content-Type": "application/json" },
      },
    );

    const newTokens = {
      accessToken: response.data.accessToken,
      refreshToken: response.data.refreshToken || currentTokens.refreshToken,
      tokenType: response.data.tokenType,
      expiresIn: response.data.expiresIn,
      expiresAt: Date.now() + response.data.expiresIn * 1000,
      updatedAt: new Date().toISOString(),
    };

    saveTokens(newTokens);
    console.log(`✅ Token refreshed successfully at ${newTokens.updatedAt}`);
    console.log(
      `   Expires in ${response.data.expiresIn}s (${Math.round(response.data.expiresIn / 60)} minutes)`,
    );

    return true;
  } catch (error) {
    console.error(
      " Token refresh failed:",
      error.response?.data || error.message,
    );

    // If refresh token is invalid, user needs to re-authenticate
    if (error.response?.data?.error === "invalid_grant") {
      console.error(
        "  Refresh token expired or invalid. Please run initial authentication.",
      );
    }

    return false;
  }
}

// Check if token needs refresh
function shouldRefresh() {
  const tokens = loadTokens();
  if (!tokens) return true;

  // Refresh 5 minutes before expiration
  const timeUntilExpiry = tokens.expiresAt - Date.now();
  const refreshThreshold = 5 * 60 * 1000; // 5 minutes

  return timeUntilExpiry <= refreshThreshold;
}

// Main execution
async function main() {
  console.log("🔄 AWS SSO Token Refresh Service Started");
  console.log(` Region: ${process.env.AWS_SSO_REGION}`);
  console.log(` Checking tokens every minute...\n`);

  // Initial refresh if needed
  if (shouldRefresh()) {
    await refreshToken();
  } else {
    const tokens = loadTokens();
    const minutesRemaining = Math.round(
      (tokens.expiresAt - Date.now()) / 60000,
    );
    console.log(`✅ Token is valid for ${minutesRemaining} minutes`);
  }

  // Check every minute
  setInterval(async () => {
    if (shouldRefresh()) {
      console.log(`\n  Token expiring soon, refreshing...`);
      await refreshToken();
    }
  }, 60 * 1000);
}

// Handle graceful shutdown
process.on("SIGINT", () => {
  console.log("\n👋 Shutting down token refresh service...");
  process.exit(0);
});

process.on("SIGTERM", () => {
  console.log("\n👋 Shutting down token refresh service...");
  process.exit(0);
});

// Run the service
main().catch(console.error);
