# Completion of sso-refresh in PowerShell. Add this line to the file that $PROFILE names:
#
#   sso-refresh completions powershell | Out-String | Invoke-Expression

Register-ArgumentCompleter -Native -CommandName 'sso-refresh' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    # The words before the one at the cursor, without their quotes.
    $words = @($commandAst.CommandElements | Where-Object { $_.Extent.EndOffset -lt $cursorPosition } | ForEach-Object {
        if ($_ -is [System.Management.Automation.Language.StringConstantExpressionAst]) { $_.Value } else { $_.Extent.Text }
    })
    # An empty argument would be left out, so there is a character before the last one.
    $last = '=' + ($wordToComplete -replace '^[''"]|[''"]$', '')

    $before = $env:SSO_REFRESH_COMPLETE
    $env:SSO_REFRESH_COMPLETE = 'powershell'
    try {
        $answer = @(& (Get-Command -CommandType Application -Name 'sso-refresh' -TotalCount 1) -- @words $last 2>$null)
    } catch {
        return
    } finally {
        if ($null -eq $before) { Remove-Item Env:\SSO_REFRESH_COMPLETE } else { $env:SSO_REFRESH_COMPLETE = $before }
    }

    # Without a result PowerShell lists files.
    $answer | Select-Object -Skip 1 | ForEach-Object {
        $text, $shown, $meaning = $_ -split "`t", 3
        [System.Management.Automation.CompletionResult]::new($text, $shown, 'ParameterValue', $meaning)
    }
}
