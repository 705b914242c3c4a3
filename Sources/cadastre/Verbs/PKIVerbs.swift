internal import ArgumentParser
internal import CadastreTLS
internal import Foundation

/// The verb `cadastre pki …`.
struct PKIVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pki",
        abstract: "Makes and shows the certificates of a cluster.",
        subcommands: [Init.self, Issue.self, Show.self]
    )

    /// The verb `cadastre pki init`.
    struct Init: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "init",
            abstract: "Creates a private root: root.pem and root.key.",
            discussion: "Example: cadastre pki init --directory pki --name \"Lutèce root\""
        )
        @Option(help: "The folder; created if it is missing.")
        var directory = "."
        @Option(help: "The root's name.")
        var name = "Cadastre root"
        @Option(help: "How long it holds.")
        var days = 3650
        @OptionGroup
        var output: OutputOptions

        func run() throws {
            do {
                try FileManager.default.createDirectory(
                    atPath: directory,
                    withIntermediateDirectories: true,
                    attributes: [.posixPermissions: 0o700]
                )
            } catch {
                throw Failure(
                    .cannotCreate,
                    "the folder \(Escaped.text(directory)) cannot be created",
                    advice: "check the path and its permissions"
                )
            }
            let paths = (directory + "/root.pem", directory + "/root.key")
            try PKIVerbs.wrapped { () throws(TLSError) in
                let authority = try CertificateAuthority(
                    creating: name,
                    validity: Validity(now: PKIVerbs.now, days: days)
                )
                try authority.write(certificate: paths.0, key: paths.1)
            }
            output.console.json(["certificate": paths.0, "key": paths.1])
            output.console.line(
                "Wrote \(Escaped.text(paths.0)) and \(Escaped.text(paths.1)); "
                    + "keep the key off the cluster."
            )
        }
    }

    /// The verb `cadastre pki issue`.
    struct Issue: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Issues a certificate and its key.",
            discussion: """
                A node has two: one with --use server, one with --use client.
                Example: cadastre pki issue --identity cadastre://lutece/operator/ada \
                --directory pki --output ada
                """
        )
        /// What a certificate is for.
        enum Use: String, ExpressibleByArgument, CaseIterable {
            case client
            case server
        }
        @Option(
            help: "cadastre://<cluster>/(node/ID|operator/NAME|service/NAME|tenant/TENANT/NAME)"
        )
        var identity: String
        @Option(help: "Where a node stands: country/city/site/operator.")
        var site: String?
        @Option(help: "client or server.")
        var use = Use.client
        @Option(help: "The folder with root.pem and root.key.")
        var directory = "."
        @Option(name: .customLong("output"), help: "Writes <output>.pem and <output>.key.")
        var outputName: String
        @Option(help: "A DNS name for tools that check them; may be repeated.")
        var dns: [String] = []
        @Option(help: "An address for tools that check them; may be repeated.")
        var address: [String] = []
        @Option(help: "How long it holds, at most 825.")
        var days = 365
        @OptionGroup
        var output: OutputOptions

        func validate() throws {
            guard Identity(uri: identity) != nil else {
                throw ValidationError(
                    "'\(Escaped.text(identity))' is no identity such as cadastre://lutece/node/1"
                )
            }
            if let site, Site(uri: "cadastre-site://" + site) == nil {
                throw ValidationError(
                    "'\(Escaped.text(site))' is no site such as fr/paris/par1/operator"
                )
            }
        }

        func run() throws {
            guard let identity = Identity(uri: identity) else { return }
            let base = outputName.contains("/") ? outputName : directory + "/" + outputName
            try PKIVerbs.wrapped { () throws(TLSError) in
                let authority = try CertificateAuthority(
                    loadingCertificate: directory + "/root.pem",
                    key: directory + "/root.key"
                )
                let request = CertificateRequest(
                    identity: identity,
                    site: site.flatMap { Site(uri: "cadastre-site://" + $0) },
                    use: use == .server ? .serverAuth : .clientAuth,
                    dnsNames: dns,
                    addresses: address,
                    validity: Validity(now: PKIVerbs.now, days: days)
                )
                try authority.issue(request).write(
                    certificate: base + ".pem",
                    key: base + ".key"
                )
            }
            output.console.json(["certificate": base + ".pem", "key": base + ".key"])
            output.console.line("Wrote \(Escaped.text(base)).pem and \(Escaped.text(base)).key.")
        }
    }

    /// The verb `cadastre pki show FILE`.
    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows for whom and until when a certificate is.",
            discussion: "Example: cadastre pki show pki/ada.pem"
        )
        /// For programs.
        private struct Output: Encodable {
            var subject: String
            var identity: String?
            var site: String?
            var use: String?
            var authority: Bool
            var serial: String
            var fingerprint: String
            var not_before: Int64
            var not_after: Int64
        }
        @Argument(help: "The certificate.")
        var file: String
        @OptionGroup
        var output: OutputOptions

        func run() throws {
            let summary = try PKIVerbs.wrapped { () throws(TLSError) in
                try CertificateSummary(contentsOf: file)
            }
            output.console.json(
                Output(
                    subject: summary.subject,
                    identity: summary.identity?.uri,
                    site: summary.site?.uri,
                    use: summary.use?.rawValue,
                    authority: summary.isAuthority,
                    serial: Hexadecimal.encode(summary.serial),
                    fingerprint: Hexadecimal.encode(summary.fingerprint),
                    not_before: summary.notBefore,
                    not_after: summary.notAfter
                )
            )
            func time(_ seconds: Int64) -> String {
                Timestamp.text(UInt64(max(0, seconds)) * 1000)
            }
            for (name, value) in [
                ("subject", Escaped.text(summary.subject)),
                ("identity", summary.identity?.uri ?? "none"),
                ("site", summary.site?.uri ?? "none"),
                ("use", summary.isAuthority ? "authority" : summary.use?.rawValue ?? "unfit"),
                ("holds", "\(time(summary.notBefore)) to \(time(summary.notAfter))"),
                ("SHA-256", Hexadecimal.encode(summary.fingerprint)),
            ] {
                let padding = String(repeating: " ", count: max(1, 10 - name.count))
                output.console.line("\(name):\(padding)\(value)")
            }
        }
    }

    fileprivate static var now: Int64 { Int64(Date().timeIntervalSince1970) }

    /// Turns an error of the certificates into a failure of the verb.
    fileprivate static func wrapped<Result>(
        _ body: () throws(TLSError) -> Result
    ) throws(Failure) -> Result {
        do throws(TLSError) {
            return try body()
        } catch {
            let status: ExitStatus =
                switch error {
                case .unwritable: .cannotCreate
                case .unreadable: .missingInput
                case .invalidRequest: .usage
                case .invalidFile, .keyMismatch, .unfitCertificate: .badData
                case .keyExposed: .configuration
                case .library, .refused, .refusedByPeer, .broken, .handshakeTimeout,
                    .closedDuringHandshake, .truncated, .tooMuchPending:
                    .internalFault
                }
            throw Failure(status, Escaped.text(error.description))
        }
    }
}
