import CadastreProtocol
import Foundation
import RaftCore
import Testing

/// The bytes of every format as they were when it was fixed.
///
/// `CADASTRE_REWRITE=1` writes them anew; a difference in review is a new version of the format.
@Suite
struct GoldenTests {
    struct Golden: Sendable, CustomTestStringConvertible {
        var name: String
        var bytes: [UInt8]
        var testDescription: String { name }
    }

    static let all: [Golden] = {
        var frame: [UInt8] = []
        Frame.append(.reply, group: 3, requestID: 0x0102_0304_0506_0708, to: &frame) {
            $0 += [0xAA, 0xBB]
        }
        let envelopes = CommandTag.allCases.map {
            Golden(name: "envelope.\($0)", bytes: Samples.envelope($0).encode())
        }
        let peers = Samples.messageBodies.map {
            Golden(name: "peer.\($0.name)", bytes: Samples.peer($0.body).encode())
        }
        return envelopes + peers + [
            Golden(
                name: "administration.addMember",
                bytes: AdministrationRequest.changeMembers(.add(Samples.member), isDryRun: true)
                    .encode()
            ),
            Golden(
                name: "administration.replaceMember",
                bytes: AdministrationRequest.changeMembers(.replace(3, by: 6), isDryRun: false)
                    .encode()
            ),
            Golden(
                name: "administration.memberPlan",
                bytes: AdministrationAnswer.memberPlan(
                    MemberPlan(before: [], after: [Samples.member], isJoint: true)
                ).encode()
            ),
            Golden(
                name: "administration.setPolicy",
                bytes: AdministrationRequest.setPolicy(
                    PolicyChange(from: Policy(), to: Samples.policy),
                    isDryRun: true
                ).encode()
            ),
            Golden(
                name: "administration.policyPlan",
                bytes: AdministrationAnswer.policyPlan(
                    PolicyPlan(before: Samples.policy, after: Policy())
                ).encode()
            ),
            Golden(name: "greeting", bytes: Samples.greeting.encode()),
            Golden(name: "frame", bytes: frame),
            Golden(name: "reply.done", bytes: Reply.done(number: 5, sequence: 1 << 40).encode()),
            Golden(name: "reply.refused", bytes: Reply.refused(.quotaExceeded).encode()),
            Golden(name: "request", bytes: Samples.requests[8].encode()),
            Golden(name: "replyMessage", bytes: Samples.replies[1].encode()),
        ]
    }()

    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "Golden")

    private static let isRewriting =
        ProcessInfo.processInfo.environment["CADASTRE_REWRITE"] == "1"

    @Test(arguments: all)
    func `the bytes are what they were`(golden: Golden) throws {
        let file = Self.folder.appending(path: "\(golden.name).hex")
        let text = Self.hex(golden.bytes)
        if Self.isRewriting {
            try Data(text.utf8).write(to: file)
            return
        }
        let kept = try String(contentsOf: file, encoding: .utf8)
        #expect(text == kept, "\(golden.name) has changed")
    }

    @Test(.disabled(if: isRewriting))
    func `no golden file is left over`() throws {
        let kept = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path())
            .filter { $0.hasSuffix(".hex") }
        #expect(Set(kept) == Set(Self.all.map { "\($0.name).hex" }))
    }

    /// Sixteen bytes a line.
    private static func hex(_ bytes: [UInt8]) -> String {
        stride(from: 0, to: bytes.count, by: 16).map { start in
            bytes[start..<min(start + 16, bytes.count)]
                .map { String(format: "%02x", $0) }
                .joined(separator: " ") + "\n"
        }.joined()
    }
}
