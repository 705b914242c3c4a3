import CadastreNode
import Foundation
import RaftCore
import Testing

@testable import CadastreRuntime

@Suite
struct GenesisFileTests {
    static func member(
        _ id: String = "1",
        incarnation: String = "000000000000000000000000000000a1",
        more: String = ""
    ) -> String {
        """
        { "id": \(id), "incarnation": "\(incarnation)", "role": "voter",
          "site": "fr/paris/p1/ops", "peer_address": "h\(id):1", "client_address": "h\(id):2",
          "administration_address": "h\(id):3"\(more) }
        """
    }

    static func text(
        _ members: [String],
        id: String = "00112233445566778899aabbccddeeff",
        policy: String? = nil
    ) -> String {
        let ending = policy.map { ", \"policy\": \($0)" } ?? ""
        return """
            { "cluster": "atlas", "cluster_id": "\(id)",
              "members": [\(members.joined(separator: ","))]\(ending) }
            """
    }

    private static func policy(
        _ countries: String,
        leaders: String = "",
        survives: String = "false"
    ) -> String {
        """
        { "allowed_countries": [\(countries)], "preferred_leaders": [\(leaders)],
          "survives_one_site": \(survives) }
        """
    }

    @Test
    func `a genesis is read with its policy`() throws {
        let text = Self.text(
            [Self.member()],
            policy: Self.policy("\"be\", \"fr\"", leaders: "\"fr/paris\"")
        )
        let genesis = try GenesisFile(Array(text.utf8), source: "genesis.json")
        #expect(
            genesis.policy
                == Policy(allowedCountries: ["be", "fr"], preferredLeaders: ["fr/paris"])
        )
        #expect(
            try GenesisFile(Array(Self.text([Self.member()]).utf8), source: "g").policy == Policy()
        )
    }

    @Test
    func `a genesis is read with its members in order`() throws {
        let text = Self.text([
            Self.member("2", incarnation: "000000000000000000000000000000a2"), Self.member(),
        ])
        let genesis = try GenesisFile(Array(text.utf8), source: "genesis.json")
        #expect(genesis.cluster == "atlas")
        #expect(genesis.clusterID.high == 0x0011_2233_4455_6677)
        #expect(genesis.clusterID.low == 0x8899_aabb_ccdd_eeff)
        #expect(genesis.members.map(\.id.value) == [1, 2])
        #expect(genesis.members[0].incarnation.low == 0xa1)
        #expect(genesis.members[1].clientAddress == "h2:2")
    }

    @Test(arguments: [
        (text([member(more: ", \"rolle\": 1")]), "did you mean role?"),
        (text([]), "0 members"),
        (text([member(), member()]), "two members have the id"),
        (text([member(), member("2")]), "one incarnation"),
        (text([member("0")]), "give 1"),
        (text([member("1.5")]), "whole number"),
        (
            text([member().replacingOccurrences(of: "\"id\": 1", with: "\"id\": \"1\"")]),
            "whole number"
        ),
        (text([member(incarnation: "00")]), "32 lower-case"),
        (text([member(incarnation: String(repeating: "0", count: 32))]), "not all 0"),
        (text([member(incarnation: String(repeating: "+", count: 32))]), "32 lower-case"),
        (text([member()], id: "zz"), "32 lower-case"),
        (text([member().replacingOccurrences(of: "voter", with: "boss")]), "neither voter"),
        (
            text(
                [
                    member(),
                    member("2", incarnation: "000000000000000000000000000000a2"),
                    member("3", incarnation: "000000000000000000000000000000a3"),
                ].enumerated().map { place, text in
                    place == 0 ? text : text.replacingOccurrences(of: "voter", with: "witness")
                }
            ), "two of them are witnesses"
        ),
        (text([member().replacingOccurrences(of: "voter", with: "witness")]), "a voter"),
        (text([member().replacingOccurrences(of: "voter", with: "learner")]), "a voter"),
        (text([member().replacingOccurrences(of: "fr/paris", with: "fr")]), "country/city"),
        (text([member().replacingOccurrences(of: "h1:1", with: "h1")]), "host:port"),
        (text([member().replacingOccurrences(of: "h1:1", with: "h1:0")]), "host:port"),
        (text([member().replacingOccurrences(of: "h1:1", with: "h1:2")]), "stands twice"),
        (text([member().replacingOccurrences(of: "\"role\": \"voter\",", with: "")]), "is missing"),
        (text([member()]).replacingOccurrences(of: "atlas", with: "At las"), "no name"),
        (text([member()], policy: "1"), "not an object"),
        (text([member()], policy: "{}"), "is missing"),
        (text([member()], policy: policy("\"fr\", \"be\"")), "in order"),
        (text([member()], policy: policy("\"fr\"", leaders: "1")), "texts are expected"),
        (text([member()], policy: policy("\"fr\"", survives: "1")), "true or false"),
        (text([member()], policy: policy("\"be\"")), "member 1 stands at fr/"),
        (text([member()], policy: policy("\"fr\"", survives: "true")), "would leave no quorum"),
        ("[]", "not an object"),
    ])
    func `a wrong genesis is refused`(_ text: String, _ word: String) {
        do {
            _ = try GenesisFile(Array(text.utf8), source: "genesis.json")
            Issue.record("accepted: \(text)")
        } catch {
            #expect("\(error)".contains(word), "\(error)")
            #expect("\(error)".hasPrefix("genesis.json"))
        }
    }
}
