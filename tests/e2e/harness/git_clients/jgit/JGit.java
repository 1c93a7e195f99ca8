// Git by JGit over JSch, whose keys and hosts are those of ~/.ssh: orders on standard input (see own_git.py).
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;

import org.eclipse.jgit.api.Git;
import org.eclipse.jgit.api.errors.GitAPIException;
import org.eclipse.jgit.transport.PushResult;
import org.eclipse.jgit.transport.RefSpec;
import org.eclipse.jgit.transport.RemoteRefUpdate;

public class JGit {
    private static void push(Git git, String refspec) throws GitAPIException, IOException {
        for (PushResult result : git.push().setRefSpecs(new RefSpec(refspec)).call()) {
            for (RemoteRefUpdate update : result.getRemoteUpdates()) {
                if (update.getStatus() != RemoteRefUpdate.Status.OK) {
                    throw new IOException(update.toString());
                }
            }
        }
    }

    private static void carryOut(String[] words) throws GitAPIException, IOException {
        if (words[0].equals("clone")) {
            Git.cloneRepository().setURI(words[1]).setDirectory(new File(words[2])).setBare(true).call().close();
            return;
        }
        try (Git git = Git.open(new File(words[1]))) {
            if (words[0].equals("fetch")) {
                git.fetch().call();
            } else {
                push(git, words[2]);
            }
        }
    }

    public static void main(String[] arguments) throws IOException {
        BufferedReader orders = new BufferedReader(new InputStreamReader(System.in));
        for (String line = orders.readLine(); line != null; line = orders.readLine()) {
            try {
                carryOut(line.split("\t"));
                System.out.println("ok");
            } catch (Exception error) {
                System.out.println("failed: " + error.toString().replace('\n', '|'));
            }
        }
    }
}
