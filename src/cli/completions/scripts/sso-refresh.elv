# Completion of sso-refresh in elvish. Add this line to ~/.config/elvish/rc.elv:
#
#   eval (sso-refresh completions elvish | slurp)

use str

set edit:completion:arg-completer[sso-refresh] = {|@words|
    var kind @answer = (env SSO_REFRESH_COMPLETE=elvish sso-refresh -- $@words 2>/dev/null | from-lines)
    if (eq $kind files) {
        edit:complete-filename $@words
    } else {
        for line $answer {
            var value meaning = (str:split &max=2 "\t" $line)
            edit:complex-candidate $value &display=$value' '$meaning
        }
    }
}
