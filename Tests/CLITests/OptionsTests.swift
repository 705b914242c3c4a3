import ArgumentParser
import CadastreClient
import Foundation
import Testing

@testable import cadastre

@Suite
struct `Options` {
    private func profile(_ json: String) throws -> Profile {
        try Profile(Data(json.utf8), path: "p.json", folder: "/etc/cadastre")
    }

    @Test
    func `a profile is read, and its paths count from its folder`() throws {
        let profile = try profile(
            """
            {"cluster": "lutece", "endpoints": ["h:1", "h:2"], "certificate": "a.pem",
             "key": "/keys/a.key", "roots": "root.pem", "tenant": "acme",
             "administration_endpoints": ["h:3"], "administration_profile": "operator.json"}
            """
        )
        #expect(profile.cluster == "lutece")
        #expect(profile.endpoints == ["h:1", "h:2"])
        #expect(profile.administrationEndpoints == ["h:3"])
        #expect(profile.certificate == "/etc/cadastre/a.pem")
        #expect(profile.key == "/keys/a.key")
        #expect(profile.roots == ["/etc/cadastre/root.pem"])
        #expect(profile.tenant == "acme")
        #expect(profile.administrationProfile == "/etc/cadastre/operator.json")
    }

    @Test(arguments: [
        "", "[]", "{", "{\"clutser\": \"lutece\"}", "{\"cluster\": 1}", "{\"endpoints\": \"h:1\"}",
        "{\"endpoints\": []}", "{\"roots\": [1]}", "{\"key\": \"\"}",
        "{\"cluster\": \"\(String(repeating: "x", count: 70_000))\"}",
    ])
    func `a wrong profile is refused with exit code 78`(_ json: String) {
        let failure = #expect(throws: Failure.self) { try profile(json) }
        #expect(failure?.status == .configuration)
    }

    @Test
    func `a missing profile is a missing input`() {
        let failure = #expect(throws: Failure.self) { try Profile(path: "/nonexistent/p.json") }
        #expect(failure?.status == .missingInput)
    }

    @Test
    func `flags win over variables`() throws {
        let environment = [
            "CADASTRE_CLUSTER": "other", "CADASTRE_ENDPOINTS": "a:1,b:2", "CADASTRE_KEY": "k",
            "CADASTRE_CERTIFICATE": "c", "CADASTRE_ROOTS": "r", "CADASTRE_TENANT": "acme",
            "CADASTRE_DEADLINE": "7",
        ]
        let options = try ClusterOptions.parse(["--cluster", "lutece", "--key", "flag.key"])
        let settings = try options.settings(environment: environment)
        #expect(settings.cluster == "lutece")
        #expect(settings.files.key == "flag.key")
        #expect(settings.endpoints.map(\.description) == ["a:1", "b:2"])
        #expect(settings.tenant == Array("acme".utf8))
        #expect(settings.deadline == .seconds(7))
    }

    @Test
    func `what is missing is named with the ways to give it`() throws {
        let options = try ClusterOptions.parse([])
        let failure = #expect(throws: Failure.self) { try options.settings(environment: [:]) }
        #expect(failure?.status == .configuration)
        #expect(failure?.sentence.contains("--cluster") == true)
        #expect(failure?.sentence.contains("CADASTRE_CLUSTER") == true)
        let wrong = #expect(throws: Failure.self) {
            try options.settings(
                environment: [
                    "CADASTRE_CLUSTER": "c", "CADASTRE_CERTIFICATE": "c", "CADASTRE_KEY": "k",
                    "CADASTRE_ROOTS": "r", "CADASTRE_ENDPOINTS": "nonsense",
                ]
            )
        }
        #expect(wrong?.status == .configuration)
    }

    @Test(arguments: [
        "status", "members", "leader transfer", "leader transfer 2", "wait-leader --timeout 3",
        "tenant create acme --quota-objects 5", "tenant update acme", "tenant suspend acme",
        "tenant resume acme", "tenant delete acme", "tenant show acme", "tenant list",
        "grant add acme s3", "grant remove acme s3", "grant list acme", "bucket create photos",
        "bucket create photos --if-missing", "bucket delete photos", "bucket show photos",
        "bucket list --prefix p", "object put photos k --size 1 --tag a=b --if-absent",
        "object put photos k --file f", "object get photos k", "object list photos --limit 5",
        "object delete photos k --if-match e", "usage", "usage photos",
        "import directory /usr --bucket doc --record list --in-flight 10",
        "import inventory f.csv", "import inventory - g.csv.gz manifest.json --if-absent",
        "import directory /usr --bucket doc --if-absent",
        "object put photos %FF --size 1 --key-encoded", "object get photos %FF --key-encoded",
        "object delete photos %FF --key-encoded", "export inventory f.csv.gz --bucket doc",
        "compare directory /usr --bucket doc --acknowledged list", "verify --allow-missing",
        "bench put --clients 64 --connections 4 --seconds 10",
        "bench get --keys sequential", "bench list --key-count 10", "member", "member list",
        "bench mixed --history run.jsonl", "bench put --clients 4096 --connections 16",
        "bench list --page 1000", "bench batch --batch 100 --clients 16",
        "bench put --rate 2000 --shape K3 --popularity zipf --theta 0.9 --sizes log-normal",
        "bench put --report folder --shape k6", "bench workload W1", "bench workload w9 --rate 0",
        "bench workload W5",
        "member add h:1", "member add h:1 --promote --dry-run --peer-address [::1]:4",
        "member promote 4 --timeout 60", "member demote 4 --dry-run", "member remove 4",
        "member replace 3 h:1 --administration-address h:2 --client-address h:3",
    ])
    func `every verb is read, with the options of all`(_ line: String) throws {
        let words = line.split(separator: " ").map(String.init)
        _ = try Cadastre.parseAsRoot(words + ["--json", "--profile", "p.json", "--deadline", "3"])
    }

    @Test(arguments: [
        "pki init --directory d", "pki show f.pem", "completions bash", "completions fish",
        "pki issue --identity cadastre://lutece/operator/ada --output ada",
        "genesis create --cluster lutece --member id=1", "log show f --commands",
        "history check run.jsonl --steps 1000",
    ])
    func `verbs without a cluster are read`(_ line: String) throws {
        _ = try Cadastre.parseAsRoot(line.split(separator: " ").map(String.init) + ["--json"])
    }

    @Test(arguments: [
        "frobnicate", "tenant", "tenant frobnicate", "tenant create", "status extra",
        "status --endpoint nonsense", "status --deadline 0", "status --deadline -1",
        "status --deadline soon", "status --unknown", "leader transfer zero", "leader transfer 0",
        "wait-leader --timeout 0", "wait-leader --nodes 0", "object put photos k",
        "object put photos k --size -1", "object put photos k --size 1 --file f",
        "object put photos k --size 1 --sha256 abc", "object put photos k --size 1 --tag nonsense",
        "object put photos k --size 1 --if-absent --if-present",
        "object get photos %F --key-encoded", "object list photos --limit -1",
        "import directory", "import directory /usr", "import inventory",
        "import directory /usr --bucket b --in-flight 0", "export inventory - --json",
        "bench put --clients 0", "bench put --connections 65", "bench put --keys sideways",
        "bench put --clients 4097", "bench list --page 0", "bench list --page 1001",
        "bench batch --batch 0", "bench batch --batch 1000 --clients 66",
        "bench batch --clients 9223372036854775807", "bench put --value-size 70000",
        "bench put --key-count 0", "bench put --rate -1", "bench put --rate 1e-300",
        "bench put --rate often",
        "bench put --shape K7", "bench put --theta 1", "bench put --popularity sideways",
        "bench put --clients 4096 --value-size 65536", "bench workload", "bench workload W13",
        "history check",
        "history check f --steps 0", "bench", "verify --attempts 0", "completions tcsh",
        "pki issue --identity nonsense --output a",
        "pki issue --identity cadastre://c/node/1 --site nowhere --output a", "log show",
        "genesis create", "member add", "member add nonsense", "member promote",
        "member promote four", "member promote 4 --timeout 0", "member replace 3",
        "member replace h:1 3", "member add h:1 --peer-address h", "member frobnicate",
    ])
    func `what cannot be read ends with exit code 64`(_ line: String) {
        let words = line.split(separator: " ").map(String.init)
        let error = #expect(throws: (any Error).self) {
            // A verb that only groups others prints its help when it is run.
            var command = try Cadastre.parseAsRoot(words)
            try command.run()
        }
        guard let error else { return }
        let code = Cadastre.exitCode(for: error).rawValue
        #expect(code == ExitStatus.usage.rawValue || ["tenant", "bench"].contains(line))
    }

    @Test
    func `a key may be written byte by byte`() throws {
        let verb = try ObjectVerbs.Get.parse(["photos", "a%00%FF/+", "--key-encoded"])
        #expect(verb.object.keyBytes == [0x61, 0, 0xFF, 0x2F, 0x20])
        let plain = try ObjectVerbs.Get.parse(["photos", "a%00"])
        #expect(plain.object.keyBytes == Array("a%00".utf8))
        #expect(throws: (any Error).self) {
            let long = String(repeating: "%41", count: 1025)
            _ = try ObjectVerbs.Get.parse(["photos", long, "--key-encoded"])
        }
    }

    @Test
    func `exit codes are those of the system and each is explained`() {
        #expect(
            ExitStatus.allCases.map(\.rawValue) == [
                0, 64, 65, 66, 69, 70, 73, 74, 75, 76, 77, 78, 130, 143,
            ]
        )
        for status in ExitStatus.allCases { #expect(ExitStatus.table.contains(status.meaning)) }
        #expect(Cadastre.helpMessage().contains("Exit codes"))
    }

    @Test
    func `every refusal has an exit code`() {
        for reason in Refused.Reason.allCases {
            #expect(Failure(Refused(reason), doing: "it").status != .done)
        }
        #expect(Failure(Refused(.noSuchBucket), doing: "it").status == .missingInput)
        #expect(Failure(Refused(.notPermitted), doing: "it").status == .notPermitted)
        #expect(Failure(Refused(.unreachable), doing: "it").status == .unavailable)
        #expect(Failure(unknown: "x", doing: "it").status == .tryAgain)
    }

    @Test
    func `every verb's help shows an example`() {
        func check(_ command: any ParsableCommand.Type, _ path: String) {
            let children = command.configuration.subcommands
            if children.isEmpty {
                #expect(command.configuration.discussion.contains("Example: cadastre"), "\(path)")
            }
            for child in children { check(child, "\(path) \(child)") }
        }
        check(Cadastre.self, "cadastre")
    }
}
