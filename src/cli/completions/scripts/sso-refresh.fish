# Completion of sso-refresh in fish. Put this file here:
#
#   ~/.config/fish/completions/sso-refresh.fish
#
# or for all users into /usr/share/fish/vendor_completions.d/.

function __sso_refresh_complete
    set --local words (commandline --current-process --tokenize --cut-at-cursor)
    set --local last (commandline --current-token --cut-at-cursor)

    if test "$words[2]" = exec; and contains -- -- $words
        # The command that is run has a completion of its own.
        __fish_complete_subcommand --fcs-skip=(contains --index -- -- $words)
        return
    end

    # Within open quotes there is nothing to unescape but the first of them.
    set --local typed (string unescape -- $last; or string replace --regex '^[\'"]' '' -- $last)
    set --local answer (SSO_REFRESH_COMPLETE=fish command sso-refresh -- $words "$typed" 2>/dev/null)
    if test "$answer[1]" = files
        # As an argument of no command in particular.
        string match --quiet --regex '^(?<option>(?:--[^=]*=)?)(?<path>.*)$' -- $last
        printf '%s\n' $option(complete --do-complete "'' $path")
    else
        printf '%s\n' $answer[2..]
    end
end

complete --command sso-refresh --keep-order --no-files --arguments '(__sso_refresh_complete)'
