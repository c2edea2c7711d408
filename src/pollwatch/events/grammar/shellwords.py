"""Names of programs and of what shells understand by themselves."""

from __future__ import annotations

from typing import Final

from pollwatch.events.grammar.listed import listed

#: Programs whose names are no words of a language, or that nobody would name at the beginning of a sentence.
UNIX: Final = listed(
    "7z aa-disable apt apt-get aptitude arch arp awk base32 base64 bash bsdtar bunzip2 busybox bzcat bzip2 cat "
    "cc chattr chgrp chmod chown chroot cksum clang cmp cpio cpulimit crontab csh csvtool curl cut dash dd df "
    "dhclient diff dig dmesg dnf dpkg du dumpcap easy_install echo ed egrep env esh exiftool expr fdisk fgrep "
    "fping ftp fuser g++ gawk gcc gdb gem getent gimp git grep groups gtester gunzip gzip halt hexdump "
    "hostname hping3 htop hwclock iconv id ifconfig initctl install insmod ionice ip ipconfig iptables irb jjs "
    "jobs journalctl jq jrunscript killall ksh ldconfig ldd lftp lftpget ln loginctl logname logsave look lp "
    "ls lsattr lsb_release lscpu lsmod lsof lspci ltrace lua lwp-download lwp-request lynx lz4 lzcat make mawk "
    "md5sum mkdir mkfifo mknod mktemp modprobe mount mtr mutt mv mysql mysqldump nano nasm nawk nc ncat ncdu "
    "netcat netstat nice nl nm nmap node nohup npm nsenter nslookup od openssl openvpn passwd paste pdb perl "
    "pgrep php pico pidof ping ping6 pip pip3 pkexec pkill pkg pmap popd poweroff printenv printf ps psql ptx "
    "pushd pwd python python2 python3 rbash readelf readlink reboot restic rev rlogin rlwrap rm rmdir rpm "
    "rpmquery rsync ruby run-parts rvim sash scp sed service setarch setenforce setfacl sftp sh sha1sum "
    "sha256sum shuf sleep socat split ssh ssh-keygen strace strings su sudo sysctl systemctl tac tail tar "
    "taskset tclsh tcpdump tcsh tee telnet tftp timeout tmux top touch traceroute troff tshark tty ul ulimit "
    "umount uname uncompress uniq unlzma unshare unzip uptime useradd userdel usermod uudecode uuencode vi "
    "vigr vim vimdiff vipw visudo wc wget wget2 whatis whereis whoami whois wish xargs xxd xz xzcat yarn yum "
    "zcat zgrep zip zless zmore zsh ansible ansible-config ansible-galaxy ansible-console ansible-doc "
    "ansible-vault ansible-playbook chef-shell chef-run cscli docker kubectl terraform helm aws gcloud doas "
    "ifdown ifup iwconfig lastlog lspcmcia nft ss tasksel ufw w3m zypper pacman brew snap"
)
#: Programs whose names are words: what follows must be no sentence.
WORDS: Final = listed(
    "ab alias ash at atq batch bg bind builtin bundle byobu c89 c99 capsh cd chef clear column comm command "
    "composer cowsay cp dialog dir dos2unix eval ex exec exit expand export fc fetch fg file find finger fish "
    "fmt fold free function gcore genie ghc head help highlight history host in2csv info join kill last latex "
    "less link local locate login logout look lua man master microcode more msgattrib neofetch net netplan "
    "octave open pax pic pr ptx puppet pry rake read red reset route run screen script set shutdown slsh sort "
    "source start stat stdbuf sum tbl test tex time tic top trap true false type unset users valgrind view "
    "volatility wait wall watch where which while who write xterm yes yelp zone dir copy del move ren attrib "
    "cls color date format ftp label mode path prompt rd rem title tree ver vol start call pause systeminfo "
    "tasklist taskkill ipconfig"
)
#: Programs and commands of Windows.
WINDOWS: Final = listed(
    "arp attrib bcdedit bitsadmin cacls certreq certutil cmd cmdkey cscript csc diskpart dnscmd dsquery "
    "esentutl explorer findstr fltmc fsutil forfiles gpresult icacls icmp installutil ipconfig java klist "
    "makecab mklink mmc msbuild mshta msiexec nbtstat net1 netsh nltest nslookup ntdsutil odbcconf pathping "
    "pcalua ping powercfg powershell powershell_ise pwsh psexec pubprn pushd qprocess quser qwinsta reg regasm "
    "regedit regini regsvcs regsvr32 robocopy rundll32 sc schtasks schtask setx systeminfo takeown taskkill "
    "tasklist tracert tskill vssadmin w32tm wevtutil whoami winrm winrs wmic wscript wusa xcopy"
)
#: Those that are asked for without arguments and are no words: they say who runs them, and on what.
ALONE: Final = listed("whoami ifconfig ipconfig netstat uname systeminfo tasklist")
#: What PowerShell calls its commands: a verb that it approves of, a dash, a noun.
VERBS: Final = (
    "add|clear|close|compare|complete|connect|convert|convertfrom|convertto|copy|debug|disable|disconnect|dismount|enable|enter|exit|expand|"
    "export|find|foreach|format|get|group|hide|import|initialize|install|invoke|join|limit|lock|measure|mount|move|new|optimize|out|pop|protect|publish|"
    "push|read|receive|register|remove|rename|repair|reset|resolve|restart|restore|resume|save|search|select|send|set|show|sort|split|start|"
    "stop|suspend|switch|sync|tee|test|trace|unblock|uninstall|unlock|unprotect|unpublish|unregister|update|use|wait|watch|where|write"
)
NOUNS: Final = (
    "item|itemproperty|childitem|content|object|process|service|command|expression|webrequest|restmethod|location|path|job|host|output|"
    "variable|alias|module|member|computer|eventlog|event|history|acl|date|random|credential|executionpolicy|bitstransfer|wmiobject|wmimethod|ciminstance|"
    "scheduledtask|localuser|localgroup|localgroupmember|aduser|netfirewallrule|mppreference|csv|json|string|clipboard|transcript|sleep|"
    "breakpoint|pssession|psdrive|psprovider|null|file|printer|webservice|type|uiculture|culture|hotfix|counter|tracesource|unique|archive|help"
)
