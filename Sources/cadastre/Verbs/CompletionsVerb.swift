internal import ArgumentParser

/// The verb `cadastre completions SHELL`.
struct CompletionsVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "completions",
        abstract: "Prints the script by which a shell completes this tool's verbs and options.",
        discussion: """
            bash: cadastre completions bash > ~/.local/share/bash-completion/completions/cadastre
            zsh:  cadastre completions zsh > a folder of $fpath/_cadastre
            fish: cadastre completions fish > ~/.config/fish/completions/cadastre.fish
            Example: cadastre completions bash
            """
    )

    /// The shells.
    enum Shell: String, ExpressibleByArgument, CaseIterable {
        case bash
        case zsh
        case fish
    }

    @Argument(help: "bash, zsh or fish.")
    var shell: Shell
    @OptionGroup
    var output: OutputOptions

    func run() throws {
        let completion: CompletionShell =
            switch shell {
            case .bash: .bash
            case .zsh: .zsh
            case .fish: .fish
            }
        let script = Cadastre.completionScript(for: completion)
        output.console.json(["shell": shell.rawValue, "script": script])
        output.console.line(script)
    }
}
